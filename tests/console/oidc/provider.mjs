import Provider from "oidc-provider";

const [port, back, out] = process.argv.slice(2);
const groups = { nina: ["auditors"], out: ["others"] };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "affidavit",
      client_secret: "the-client-secret-of-some-length-0123456789",
      redirect_uris: [back],
      post_logout_redirect_uris: [out],
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  pkce: { required: () => true },
  findAccount: async (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
  }),
});
provider.listen(Number(port), "127.0.0.1");
