"""The demo: a real year of a shop, played through the whole pipeline and checked at the end."""
