// Gradio's browser side asks for work with one request and hears of results in a stream, which the
// server ends when nothing is left to do. It takes the stream for open until it has read this end:
// what is asked for shortly before is never heard of, and the page hangs until it is loaded again.
// Here a stream that ends while something is still waited for goes on in another request.
(() => {
  const request = window.fetch;
  const waited = new Set(); // events that were accepted and whose results have not come

  window.fetch = async (...wanted) => {
    const response = await request(...wanted);
    const path = new URL(wanted[0].url ?? wanted[0], location).pathname;
    if (!response.ok) return response;
    if (path.endsWith('/queue/join')) {
      waited.add((await response.clone().json()).event_id);
      // An end that was passed on just before is read first.
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (!path.endsWith('/queue/data')) return response;
    return new Response(stream(messages(response, () => request(...wanted))), response);
  };

  async function* messages(response, ask) {
    for await (const text of lines(response)) {
      const message = text.startsWith('data:') ? JSON.parse(text.slice('data:'.length)) : {};
      if (message.msg === 'process_completed') waited.delete(message.event_id);
      if (message.msg === 'close_stream' && waited.size > 0) {
        yield* messages(await ask(), ask);
        return;
      }
      yield `${text}\n`;
    }
  }

  // Safari has no `for await` for streams.
  async function* lines(response) {
    if (!response.ok) throw new Error(`The server answers ${response.status}.`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const parts = (rest + part.value).split('\n');
      rest = parts.pop();
      yield* parts;
    }
  }

  // Chromium has no `ReadableStream.from`.
  function stream(texts) {
    const encoder = new TextEncoder();
    return new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await texts.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        } catch (error) {
          // Gradio tells all of them that the connection is broken. It aborts what has ended, too.
          if (error.name !== 'AbortError') waited.clear();
          throw error;
        }
      },
    });
  }
})();
