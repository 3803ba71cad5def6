const http = require("http");

/**
 * Answers every request with the same text.
 */
function answer(text) {
  return (request, response) => response.end(text);
}

class Server {
  #port = 80;
  // Listens.
  start() {
    return http.createServer(answer("ok")).listen(this.#port);
  }
}

module.exports = { Server };
