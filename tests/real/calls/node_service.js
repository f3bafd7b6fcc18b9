// Node.js: its own HTTP server, and undici by way of `fetch`, or with `--client=http` its older client. Takes the options
// of propagation.py, and does the same.
"use strict";

const http = require("node:http");
const { parseArgs } = require("node:util");
const { randomBytes, randomUUID } = require("node:crypto");

const { values: given } = parseArgs({
  options: {
    calls: { type: "string" },
    also: { type: "string" },
    context: { type: "string", default: "forward" },
    after: { type: "boolean", default: false },
    "fan-out": { type: "boolean", default: false },
    polls: { type: "string", default: "0" },
    client: { type: "string", default: "fetch" },
  },
});
const agent = new http.Agent({ keepAlive: true });
let first;

function outgoing(headers) {
  const { traceparent, tracestate } = headers;
  if (given.context === "restart") {
    return { traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01` };
  }
  if (given.context === "stale") {
    if (traceparent) first ??= tracestate ? { traceparent, tracestate } : { traceparent };
    return first ?? {};
  }
  if (given.context === "drop" || !traceparent) return {};
  const parent = randomBytes(8).toString("hex");
  const continued = given.context === "continue";
  const lines = { traceparent: continued ? `${traceparent.slice(0, 36)}${parent}${traceparent.slice(52)}` : traceparent };
  if (tracestate && given.context !== "traceparent") lines.tracestate = tracestate;
  return lines;
}

function callByHttp(method, url, lines) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent, headers: lines }, (answer) => answer.resume().on("end", resolve));
    request.on("error", reject).end(method === "POST" ? "{}" : undefined);
  });
}

async function call(method, url, lines) {
  if (given.client === "http") return callByHttp(method, url, lines);
  const body = method === "POST" ? { body: "{}", headers: { ...lines, "content-type": "application/json" } } : { headers: lines };
  const answer = await fetch(url, { method, ...body });
  await answer.arrayBuffer();
}

const server = http.createServer(async (request, response) => {
  if (request.url === "/health") return response.end("well\n");
  const identifier = request.url.split("/").pop();
  const lines = outgoing(request.headers);
  const work = [["GET", `${given.calls}/${identifier}`, lines]];
  if (given.also && /^\d+$/.test(identifier) && identifier % 4 === 0) work.push(["POST", `${given.also}/${randomUUID()}`, lines]);
  const all = async () => {
    if (given["fan-out"]) return Promise.all(work.map((one) => call(...one)));
    for (const one of work) await call(...one);
  };
  response.setHeader("Content-Type", "application/json");
  const answer = JSON.stringify({ calls: work.length });
  if (given.after) {
    response.end(answer, () => all().catch((error) => console.error(error)));
  } else {
    try {
      await all();
    } catch (error) {
      console.error(error);
      response.statusCode = 502;
    }
    response.end(answer);
  }
});

if (Number(given.polls)) {
  let number = 0;
  setInterval(() => call("GET", `${given.calls}/${++number}`, {}).catch((error) => console.error(error)), 1000 / given.polls);
}
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
