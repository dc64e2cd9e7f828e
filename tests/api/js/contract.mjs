// Calls our server with Audit Manager's own JavaScript client; one JSON line on stdout a result.
// stdin: {endpoint, region, credentials, calls: [[operation, request]], paginators: [[operation,
// request]], errors: [operation], skews: [minutes that the client's clock is off]}
import * as sdk from "@aws-sdk/client-auditmanager";
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));
const { endpoint, region, credentials } = given;
const options = { endpoint, region, credentials, maxAttempts: 1 };
const client = new sdk.AuditManagerClient(options);
const say = (kind, operation, value) => console.log(JSON.stringify({ kind, operation, value }));
const send = (to, operation, request) => to.send(new sdk[operation + "Command"](request));
const plain = ({ $metadata, ...members }) => members;

for (const [operation, request] of given.calls) {
  say("answer", operation, plain(await send(client, operation, request)));
}
for (const [operation, request] of given.paginators) {
  const pages = [];
  for await (const page of sdk["paginate" + operation]({ client }, request)) {
    pages.push(plain(page));
  }
  say("pages", operation, pages);
}
for (const operation of given.errors) {
  try {
    await send(client, operation, {});
  } catch (error) {
    const { name, message, $fault, $metadata, $service, $response, ...members } = error;
    say("error", operation, {
      name,
      message,
      typed: sdk[name] !== undefined && error instanceof sdk[name],
      status: $metadata.httpStatusCode,
      requestId: $metadata.requestId,
      members,
    });
  }
}
for (const minutes of given.skews) {
  const now = Date.now;
  Date.now = () => now() + minutes * 60 * 1000;
  const skewed = new sdk.AuditManagerClient({ ...options, maxAttempts: 3 });
  const answer = await send(skewed, "GetAccountStatus", {});
  Date.now = now;
  say("skew", "GetAccountStatus", answer.$metadata.attempts);
}
