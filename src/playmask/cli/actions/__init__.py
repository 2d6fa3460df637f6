"""What the commands do, one file for each, under the name of its command."""
