"""The formats of files with mentions."""
