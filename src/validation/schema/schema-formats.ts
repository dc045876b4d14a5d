/** The longest text that a format is checked on; a longer one has broken its maxLength already. */
export const formatSubjectMax = 2048;

/**
 * The formats of text that schemas may use. Left out are those whose check can take more than
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

/** The formats of numbers; they need no bound. */
export const numberFormats = ['int32', 'int64', 'float', 'double'] as const;
