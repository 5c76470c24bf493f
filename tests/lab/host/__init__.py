"""What a Windows node is to the emulated modules: the interface, and the two kinds of node that implement it."""
