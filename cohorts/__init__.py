"""Named groups of persons, defined as data: who is a member, and from when to when."""
