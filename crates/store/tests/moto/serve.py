"""Serves moto on a free port of the loopback, says which, and ends when its standard input does.

One request at a time: moto looks at a condition and then writes, with no lock between the two.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
print(server.server_port, flush=True)
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
