"""The commands of the service, one file each, over a unit of work that the store provides."""
