"""The vendors' Windows programs judge the configuration files that the collection writes."""
