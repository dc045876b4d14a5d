/** Runs work after all earlier work has ended. */
export type InTurn = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
