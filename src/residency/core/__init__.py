"""Floor 0: the types, errors, recipes, files and run records that every other room stands on."""
