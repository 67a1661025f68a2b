"""Packages in folders: the card and the other files, read strictly."""
