"""WinRM as a Windows node speaks it: bytes in, commands out, authentication and message encryption as in the field."""
