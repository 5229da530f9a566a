"""What stands in place of an identifier: a tag, a mask, or something made up that is the same for the same person."""
