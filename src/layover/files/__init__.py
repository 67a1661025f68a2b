"""Untrusted files: the client of the hub, archives, JSON and safetensors, each read within bounds."""
