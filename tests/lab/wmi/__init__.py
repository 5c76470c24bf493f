"""WMI of a node: classes, the queries that are understood, and the state of the node that they show."""
