// Loaded before a client with `node --import`: what it asks of the API goes to SANDBOX_URL instead.
const LIVE = "https://api.instantly.ai";
const real = globalThis.fetch;

globalThis.fetch = (url, options) => {
  if (!String(url).startsWith(LIVE)) throw new Error(`not for the sandbox: ${url}`);
  return real(process.env.SANDBOX_URL + String(url).slice(LIVE.length), options);
};
