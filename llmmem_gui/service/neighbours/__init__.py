"""Other programs that hold models: found by their processes, asked over their own ports, measured."""
