"""llama.cpp's own server on a free port of loopback, as the service's engine sets it up; ends with its input.

python bench/parts/llama_server.py MODEL.gguf PARALLEL CONTEXT THREADS
"""

from __future__ import annotations

import sys


def main() -> None:
    """Serve, and print the address."""
    import xllamacpp

    path, parallel, context, threads = sys.argv[1], *map(int, sys.argv[2:5])
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.model_alias = path, {"model"}
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.n_parallel, settings.n_ctx = parallel, context * parallel
    settings.n_threads_http = 64
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.verbosity, settings.warmup, settings.ui, settings.offline = 0, True, False, True
    settings.cache_ram_mib, settings.fit_params = 0, False
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
