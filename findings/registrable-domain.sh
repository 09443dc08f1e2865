#!/usr/bin/env bash
# Three public suffix libraries, three answers to "which site did this visit come from?"
#
# Guess: they read one list, so they agree; what is no domain has no answer.
# Seen: tldextract leaves the list's private part out unless asked: alice.github.io is github.io. The others
#   use it. publicsuffix2's newest release, of 2019, carries the list of that year: vercel.app and
#   pages.dev are one site each. For an IP address publicsuffixlist answers 1.1 and publicsuffix2 answers 1.
#   A host with a port is taken as it is by both: com:8080.
# Why it matters: a report of referring sites counts thousands of blogs as one, or one company's previews
#   as thousands, by the library that happened to be installed. Strip ports and test for addresses first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'tldextract==5.4.0' 'publicsuffixlist==1.1.2.20261023' 'publicsuffix2==2.20191221'
"$folder/venv/bin/python" - <<'PY'
import publicsuffix2
import publicsuffixlist
import tldextract

bundled = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
whole_list = publicsuffixlist.PublicSuffixList()
seen = {}
print(f"{'host':20} {'tldextract 5.4.0':18} {'publicsuffixlist':18} publicsuffix2 2.20191221")
for host in [
    "www.example.co.uk", "alice.github.io", "shop.vercel.app", "docs.pages.dev", "192.168.1.1",
    "example.com:8080",
]:
    seen[host] = (
        bundled(host).top_domain_under_public_suffix,
        whole_list.privatesuffix(host),
        publicsuffix2.get_sld(host),
    )
    print(f"{host:20} {seen[host][0]:18} {seen[host][1]:18} {seen[host][2]}")
print("guess: one answer a line, none for the address")
assert seen == {
    "www.example.co.uk": ("example.co.uk",) * 3,
    "alice.github.io": ("github.io", "alice.github.io", "alice.github.io"),
    "shop.vercel.app": ("vercel.app", "shop.vercel.app", "vercel.app"),
    "docs.pages.dev": ("pages.dev", "docs.pages.dev", "pages.dev"),
    "192.168.1.1": ("", "1.1", "1"),
    "example.com:8080": ("example.com", "example.com:8080", "com:8080"),
}, seen
PY
echo "Matters: the number of referring sites depends on the library, and on its year."
