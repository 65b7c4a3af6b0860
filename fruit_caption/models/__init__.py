"""The captioner and the networks and layers that it is made of."""
