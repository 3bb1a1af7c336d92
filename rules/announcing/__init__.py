"""From a change of conclusions to the outputs that tell it: envelope, parts, and their order."""
