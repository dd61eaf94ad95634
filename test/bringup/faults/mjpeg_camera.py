"""A network camera on this machine that can hang, hang up and come back."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

_PERIOD_S = 0.03


class MjpegCamera:
    """Serves one image again and again as `multipart/x-mixed-replace`.

    Args:
        image: The image.
        login: `user:password` that it demands, if any.
    """

    def __init__(self, image, login=''):
        self._authorization = f'Basic {base64.b64encode(login.encode()).decode()}' if login else ''
        self._jpeg = cv2.imencode('.jpg', image)[1].tobytes()
        self.is_up = threading.Event()
        self.flows = threading.Event()
        self.flows.set()
        self.is_up.set()
        self._pause = threading.Event()
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self._server.daemon_threads = True
        self.host = f'127.0.0.1:{self._server.server_port}'
        self.url = f'http://{self.host}/video'
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self.is_up.clear()
        self.flows.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if not camera.is_up.is_set():
                    self.send_error(503)
                    return
                if camera._authorization != self.headers.get('Authorization', ''):
                    self.send_response(401)
                    self.send_header('WWW-Authenticate', 'Basic realm="camera"')
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
                self.end_headers()
                camera.stream(self.wfile)

            def log_message(self, *arguments):
                pass

        return Handler

    def stream(self, file):
        head = b'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n'
        while self.is_up.is_set():
            self.flows.wait()
            try:
                file.write(head % len(self._jpeg) + self._jpeg + b'\r\n')
            except OSError:
                return
            self._pause.wait(_PERIOD_S)
