// CloudWatch Synthetics canary (Node.js runtimes): handler `bedrockPrompts.handler`.
//
// Asks Amazon Bedrock the prompts of suite.json, each as a step, and checks each answer; fails when
// a case does not pass. Environment: BEDROCK_REGION, BEDROCK_ENDPOINT_URL. Signs by itself
// (Signature Version 4), so it needs no SDK. Nothing of an answer is logged.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const checks = require('./canaryChecks.js');
const suite = require('./suite.json');

const ATTEMPTS = 6;
const MOST = 8 * 1024 * 1024;
const REGION = process.env.BEDROCK_REGION || suite.region || process.env.AWS_REGION;
const ENDPOINT = process.env.BEDROCK_ENDPOINT_URL || `https://bedrock-runtime.${REGION}.amazonaws.com`;

function loadSynthetics() {
  for (const name of ['@aws/synthetics-core', '@aws/synthetics-puppeteer', 'Synthetics']) {
    try {
      const found = require(name);
      return found.synthetics || found;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error('This is no CloudWatch Synthetics runtime.');
}

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
const quote = (text) => encodeURIComponent(text)
  .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function signed(url, body, more) {
  const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const headers = { host: url.host, 'content-type': 'application/json', 'x-amz-date': time, ...more };
  const token = process.env.AWS_SESSION_TOKEN;
  if (token) headers['x-amz-security-token'] = token;
  const names = Object.keys(headers).sort();
  // The path is quoted once more for signing, as for every service but S3.
  const path = url.pathname.split('/').map(quote).join('/');
  const listed = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = ['POST', path, '', listed, names.join(';'), sha256(body)].join('\n');
  const scope = `${time.slice(0, 8)}/${REGION}/bedrock/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [time.slice(0, 8), REGION, 'bedrock', 'aws4_request']
    .reduce(hmac, `AWS4${process.env.AWS_SECRET_ACCESS_KEY}`);
  const signature = crypto.createHmac('sha256', key).update(toSign).digest('hex');
  const credential = `${process.env.AWS_ACCESS_KEY_ID}/${scope}`;
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${credential}, `
    + `SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return headers;
}

function send(url, body, headers) {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'http:' ? http : https;
    const sent = request(url, { method: 'POST', headers, timeout: 120000 }, (response) => {
      const parts = [];
      let size = 0;
      response.on('data', (part) => {
        size += part.length;
        if (size > MOST) sent.destroy(new Error(`The answer is larger than ${MOST} bytes.`));
        parts.push(part);
      });
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, body: Buffer.concat(parts),
      }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('No answer in time.')));
    sent.on('error', reject);
    sent.end(body);
  });
}

async function call(path, body, more) {
  const url = new URL(`${ENDPOINT.replace(/\/$/, '')}${path}`);
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(url, body, signed(url, body, more));
    if (answer.status === 200) return answer;
    const waits = answer.status === 429 || answer.status >= 500;
    if (!waits || attempt === ATTEMPTS) {
      const kind = (answer.headers['x-amzn-errortype'] || '').split(':')[0];
      throw new Error(`${kind || 'HTTP'} ${answer.status}`);
    }
    await new Promise((done) => { setTimeout(done, 2 ** attempt * 100 * Math.random()); });
  }
}

function guardrail(trace, stopReason, said) {
  const traced = Boolean(trace && Object.keys(trace).length);
  return { action: checks.action(trace, stopReason, said), traced };
}

function fromConverse(answer) {
  const given = JSON.parse(answer.body);
  const { stopReason } = given;
  return {
    text: given.output.message.content.map((block) => block.text || '').join(''),
    stopReason,
    ...guardrail(given.trace?.guardrail, stopReason, ''),
    inputTokens: given.usage.inputTokens,
    outputTokens: given.usage.outputTokens,
  };
}

function fromBody(answer) {
  const body = JSON.parse(answer.body);
  const at = (path) => path.reduce((value, step) => value[step], body);
  const count = (side) => {
    const said = answer.headers[`x-amzn-bedrock-${side}-token-count`];
    return said ? Number(said) : null;
  };
  const stopReason = String(at(suite.paths.stop) || '');
  const said = body['amazon-bedrock-guardrailAction'] || '';
  return {
    text: at(suite.paths.text),
    stopReason,
    ...guardrail(body['amazon-bedrock-trace']?.guardrail, stopReason, said),
    inputTokens: count('input'),
    outputTokens: count('output'),
  };
}

async function ask(testCase, runId) {
  const started = Date.now();
  const model = quote(suite.modelId);
  const tags = { suite: suite.id, run: runId, case: testCase.id };
  try {
    const answer = suite.api === 'Converse'
      ? fromConverse(await call(`/model/${model}/converse`, JSON.stringify({
        ...testCase.request,
        requestMetadata: tags,
      }), {}))
      : fromBody(await call(`/model/${model}/invoke`, JSON.stringify(testCase.request), {
        ...suite.httpHeaders,
        'x-amzn-bedrock-request-metadata': JSON.stringify(tags),
      }));
    return { ...answer, latencyMs: Date.now() - started };
  } catch (error) {
    return { error: error.message, text: '', stopReason: '', latencyMs: Date.now() - started };
  }
}

exports.handler = async () => {
  const synthetics = loadSynthetics();
  const runId = crypto.randomUUID();
  const answers = [];
  const failed = [];
  for (const testCase of suite.cases) {
    try {
      await synthetics.executeStep(testCase.id, async () => {
        const answer = await ask(testCase, runId);
        answers.push(answer);
        const reasons = checks.check(testCase, answer, suite.patterns);
        if (reasons.length) throw new Error(`${testCase.family}: ${reasons.join('; ')}`);
      });
    } catch (error) {
      failed.push(testCase.id);
      console.log(`FAILED ${testCase.id} ${error.message}`);
    }
  }
  if (suite.kind === 'parity') {
    const gap = checks.parityGap(suite.cases, answers);
    if (gap === null || gap > suite.maxGap) failed.push(`parity (gap ${gap})`);
  }
  if (failed.length) {
    throw new Error(`${failed.length} of ${suite.cases.length} did not pass: ${failed.join(', ')}`);
  }
  return 'passed';
};
