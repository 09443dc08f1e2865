"""What differs from Superset's defaults."""

import os
from pathlib import Path

DATA_DIR = os.environ["FOOTFALL_SUPERSET_HOME"]
SECRET_KEY = Path(DATA_DIR, "secret_key").read_text()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{DATA_DIR}/superset.db"
LOG_LEVEL = "ERROR"

# A new published file has other answers, and no cache would hear of it.
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
# Of one worker each, which is enough on loopback.
RATELIMIT_STORAGE_URI = "memory://"

# Pages fetch nothing from elsewhere. Superset's own would tell a company that they were opened.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": "'none'",
        "script-src": ["'self'", "'strict-dynamic'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
