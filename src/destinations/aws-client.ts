/** What the clients of AWS have in common. */
export const awsClient = {
  /** A connection that the far side has closed meanwhile is the usual reason for the second. */
  maxAttempts: 2,
  /** Without it, a client writes its warnings to the console. */
  logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
};

const textCharactersMax = 300;

/** The error of an AWS client as a short text that names a way to fix it, and has no secrets. */
export function awsErrorText(code: string, message = ''): string {
  if (code === 'CredentialsProviderError') {
    return (
      `${code}: no credentials of AWS were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ` +
      'AWS_PROFILE, for this process, or give its machine or container a role'
    );
  }
  // The text of a wrong signature quotes the whole request.
  const text = /Signature/.test(code) ? '' : message.slice(0, textCharactersMax);
  return text === '' ? code : `${code}: ${text}`;
}
