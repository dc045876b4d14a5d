/** One question, asked of the table of an event and of the table of all events with JSON. */
export interface Question {
  readonly what: string;
  readonly typed: string;
  readonly json: string;
}

/** What differs between engines. */
export interface Wording {
  readonly day: string;
  /** A text in the JSON of `properties`. */
  readonly text: (name: string) => string;
  /** An exact number, where the engine has them. */
  readonly number: (name: string) => string;
  readonly typedTable: string;
  readonly jsonTable: string;
  /** Written after the tables: FINAL. */
  readonly final?: string;
}

/** A person who is in the middle of the table. */
export const person = 'u-77';

export function questionsOf(wording: Wording): Question[] {
  const { day, text, number, final = '' } = wording;
  const typed = `FROM ${wording.typedTable}${final}`;
  const json = `FROM ${wording.jsonTable}${final} WHERE event_name = 'order_completed'`;
  return [
    {
      what: 'count by day',
      typed: `SELECT ${day} AS day, count(*) AS n ${typed} GROUP BY 1 ORDER BY 1`,
      json: `SELECT ${day} AS day, count(*) AS n ${json} GROUP BY 1 ORDER BY 1`,
    },
    {
      what: "one person's events",
      typed: `SELECT event_time, order_id, total ${typed} WHERE user_id = '${person}' ORDER BY 1`,
      json: `SELECT event_time, ${text('order_id')} AS order_id, ${number('total')} AS total ${json}
        AND user_id = '${person}' ORDER BY 1`,
    },
    {
      what: 'sum of a property',
      typed: `SELECT currency, sum(total) AS revenue ${typed} GROUP BY 1 ORDER BY 1`,
      json: `SELECT ${text('currency')} AS currency, sum(${number('total')}) AS revenue ${json}
        GROUP BY 1 ORDER BY 1`,
    },
  ];
}
