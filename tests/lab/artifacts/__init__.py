"""What roles and nodes download: release archives of the vendors' layout, and container images."""
