"""Floor 1: language models behind one protocol: packaged weights, torch, llama.cpp, scripted."""
