"""Packages as they lie in a folder: what a card says, and the files beside it, read strictly."""
