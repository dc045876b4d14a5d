/** The longest text that a format is checked on. A longer text has already broken its maxLength. */
export const formatSubjectMax = 2048;

/**
 * The string formats that schemas may use. Formats are excluded if their check can take more than
 * linear time on a hostile text (`url`, `regex`) or checks nothing (`password`, `binary`).
 */
export const textFormats = [
  'date',
  'time',
  'date-time',
  'duration',
  'uri',
  'uri-reference',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'json-pointer',
] as const;

/** The number formats. They need no length limit. */
export const numberFormats = ['int32', 'int64', 'float', 'double'] as const;
