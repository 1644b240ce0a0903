"""Memory as it is: of the machine, of each host, of GPUs and of other programs."""
