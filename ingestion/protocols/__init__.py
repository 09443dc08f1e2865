"""The protocols in which SDKs send events, and the code that they share."""
