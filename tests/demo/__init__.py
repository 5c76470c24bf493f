"""`make demo`: three bare Windows nodes to checked HostProcess pods, with nothing but stock ansible-playbook."""
