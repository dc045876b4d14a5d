import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { failureOf, type Failure } from '../../service/failure.ts';
import { useLoad } from '../../service/load.ts';
import { useMay, useService } from '../../service/service.ts';
import type { Role } from '../../service/session.ts';
import { Dialog } from './dialog.tsx';
import { Facts, type Fact } from '../facts.tsx';
import { Shown, Failed } from '../states.tsx';

/** What an act will do, as the service counts it before anything is changed. */
export interface Plan {
  readonly facts: readonly Fact[];
  readonly note?: ComponentChildren;
  /** The words of the button that does it: `Replay 12 events`. Undefined if there is nothing to do. */
  readonly confirm: string | undefined;
}

export interface ActProps {
  /** The words of the button that opens the dialog. */
  readonly button: string;
  readonly title: string;
  readonly needs: Role;
  readonly isDanger?: boolean;
  readonly text?: ComponentChildren;
  /** Inputs above the plan. The plan is made again when `formKey` changes. */
  readonly form?: ComponentChildren;
  readonly formKey?: string;
  readonly plan: (signal: AbortSignal) => Promise<Plan>;
  /** Asks for a reason, which is kept. */
  readonly asksWhy?: boolean;
  readonly run: (why: string, progress: (words: string) => void) => Promise<ComponentChildren>;
  readonly onDone?: () => void;
}

/** A button for an act: it shows what will happen, asks once, and does it. Viewers do not see it. */
export function Act(props: ActProps) {
  const [isOpen, setIsOpen] = useState(false);
  if (!useMay(props.needs)) return null;
  return (
    <>
      <button
        type="button"
        class={props.isDanger === true ? 'danger' : ''}
        onClick={() => setIsOpen(true)}
      >
        {props.button}
      </button>
      {isOpen && <ActDialog {...props} onClose={() => setIsOpen(false)} />}
    </>
  );
}

interface FailedRun {
  readonly failure: Failure | undefined;
  /** The last words of its progress; empty if it made none. */
  readonly done: string;
}

type Step =
  | { readonly at: 'plan'; readonly failed?: FailedRun | undefined }
  | { readonly at: 'work'; readonly words: string }
  | { readonly at: 'end'; readonly result: ComponentChildren };

/** The same dialog for an act that has its button elsewhere. */
export function ActDialog(props: ActProps & { readonly onClose: () => void }) {
  const [step, setStep] = useState<Step>({ at: 'plan' });
  const [why, setWhy] = useState('');
  const isGone = useRef(false);
  const isStarted = useRef(false);
  useEffect(() => () => void (isGone.current = true), []);
  const service = useService();
  // After a new sign-in the failure of the ended session says nothing any more.
  useEffect(() => setStep((now) => (now.at === 'plan' ? { at: 'plan' } : now)), [service]);
  const close = (): void => {
    props.onClose();
    // What failed may have done a part, and may have failed because something changed.
    if (step.at === 'end' || (step.at === 'plan' && step.failed !== undefined)) props.onDone?.();
  };
  const start = (): void => {
    // A second press may come before the button is gone.
    if (isStarted.current) return;
    isStarted.current = true;
    let done = '';
    setStep({ at: 'work', words: 'Working' });
    const progress = (words: string): void => {
      done = words;
      setStep({ at: 'work', words });
    };
    props
      .run(why.trim(), progress)
      .then((result) => (isGone.current ? props.onDone?.() : setStep({ at: 'end', result })))
      .catch((error: unknown) => {
        isStarted.current = false;
        setStep({ at: 'plan', failed: { failure: failureOf(error), done } });
      });
  };
  return (
    <Dialog title={props.title} onClose={close}>
      {step.at !== 'end' && (
        // It stays while the act runs: what was typed and counted is still there if the act fails.
        <div hidden={step.at === 'work'}>
          <PlanStep
            {...props}
            failed={step.at === 'plan' ? step.failed : undefined}
            why={why}
            onWhy={setWhy}
            onStart={start}
          />
        </div>
      )}
      {step.at === 'work' && (
        <p class="loading" role="status">
          {step.words}…
        </p>
      )}
      {step.at === 'end' && (
        <div class="body">
          <div role="status">{step.result}</div>
          <footer>
            <button type="button" class="main" onClick={close}>
              Close
            </button>
          </footer>
        </div>
      )}
    </Dialog>
  );
}

interface PlanStepProps extends ActProps {
  /** The act was begun and failed. */
  readonly failed: FailedRun | undefined;
  readonly why: string;
  readonly onWhy: (why: string) => void;
  readonly onStart: () => void;
  readonly onClose: () => void;
}

function PlanStep(props: PlanStepProps) {
  const { text, form, formKey = '', plan, asksWhy, why, onWhy, failed } = props;
  const planned = useLoad(formKey, plan);
  // What is left is counted again.
  useEffect(() => {
    if (failed !== undefined) planned.reload();
  }, [failed]);
  const failure = failed?.failure;
  const submit = (event: Event): void => {
    event.preventDefault();
    props.onStart();
  };
  return (
    <form class="body" onSubmit={submit}>
      {text !== undefined && <p>{text}</p>}
      {form}
      <Shown of={planned} what="Counting what this would do">
        {({ facts, note, confirm }) => (
          <>
            {facts.length > 0 && <Facts of={facts} />}
            {note !== undefined && <p class="note">{note}</p>}
            {asksWhy === true && confirm !== undefined && (
              <label class="field">
                <span>Reason (kept in the audit log)</span>
                <input
                  required
                  maxLength={2000}
                  value={why}
                  onInput={(event) => onWhy(event.currentTarget.value)}
                />
              </label>
            )}
            {failure !== undefined && planned.failure === undefined && <Failed failure={failure} />}
            {failed !== undefined && failed.done !== '' && (
              <p class="note">Done before that: {failed.done}</p>
            )}
            <footer>
              <button type="button" onClick={props.onClose}>
                Cancel
              </button>
              {confirm !== undefined && (
                <button
                  type="submit"
                  class={props.isDanger === true ? 'main danger' : 'main'}
                  disabled={planned.isLoading || (asksWhy === true && why.trim() === '')}
                >
                  {confirm}
                </button>
              )}
            </footer>
          </>
        )}
      </Shown>
    </form>
  );
}
