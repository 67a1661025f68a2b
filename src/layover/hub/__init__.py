"""What leaves the store: finished work as directories that other programs read."""
