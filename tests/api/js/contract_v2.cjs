// The same calls by the JavaScript SDK of the second version, which has a signer and a parser of its
// own; one JSON line on stdout a result. stdin as of contract.mjs; only `calls` are made.
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const AuditManager = require("aws-sdk/clients/auditmanager");
const { readFileSync } = require("node:fs");

const { endpoint, region, credentials, calls } = JSON.parse(readFileSync(0, "utf8"));
const client = new AuditManager({ endpoint, region, credentials, maxRetries: 0 });
const called = (operation) => operation[0].toLowerCase() + operation.slice(1);

(async () => {
  for (const [operation, request] of calls) {
    const value = await client[called(operation)](request).promise();
    console.log(JSON.stringify({ kind: "answer", operation, value }));
  }
})();
