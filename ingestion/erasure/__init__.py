"""Erasing a person: whose facts go, where they lie, and what turns them away for ever after."""
