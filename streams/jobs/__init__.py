"""Jobs that run once and end: publishing files, playing history."""
