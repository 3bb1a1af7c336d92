"""The subjects of the `tierstream` command; each module adds its commands to an app of its own."""
