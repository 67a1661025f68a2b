"""Files of strangers: the one client of the hub, archives, JSON and safetensors, each read within bounds."""
