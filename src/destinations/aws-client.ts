/** What the clients of AWS have in common. */
export const awsClient = {
  /** A connection that the far side has closed meanwhile is the usual reason for the second. */
  maxAttempts: 2,
  /** Without it, a client writes its warnings to the console. */
  logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
};
