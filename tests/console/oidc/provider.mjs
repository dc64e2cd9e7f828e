import Provider from "oidc-provider";

const [port, back, out, told] = process.argv.slice(2);
const groups = { nina: ["auditors"], out: ["others"] };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "affidavit",
      client_secret: "the-client-secret-of-some-length-0123456789",
      redirect_uris: [back],
      post_logout_redirect_uris: [out],
      backchannel_logout_uri: told,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  features: { backchannelLogout: { enabled: true } },
  // Without the guard of the package, which reaches nothing on loopback, where the console is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  findAccount: async (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
  }),
});
provider.listen(Number(port), "127.0.0.1");
