"""Floor 3: put models through the same items, keep every result, and say plainly what changed."""
