/**
 * The least that a webhook in Node can do: parse the review and answer with a constant. If the
 * review has another uid, as from a real API server, the answer gets that. Arguments: certificate,
 * key, file of the answer.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

const [certPath = "", keyPath = "", answerPath = ""] = process.argv.slice(2);
const answer = readFileSync(answerPath, "utf8");
const { uid } = (JSON.parse(answer) as { response: { uid: string } }).response;
const length = Buffer.byteLength(answer);

const server = createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) }, (request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    const { request: reviewed } = JSON.parse(body) as { request: { uid: string } };
    response.writeHead(200, { "content-type": "application/json", "content-length": length });
    response.end(reviewed.uid === uid ? answer : answer.replace(uid, reviewed.uid));
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
