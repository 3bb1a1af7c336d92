"""What Tierstream knows: events, customer state, money, time. Pure values and functions."""
