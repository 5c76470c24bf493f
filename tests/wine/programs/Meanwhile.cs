// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// Compiled together with JobObject.cs: processes that come and go while the probe looks. They are started and ended
// here, between the probe's steps, so that the moment is not left to chance. Options: name, of the job; end_before
// and end_after, ids of processes to end before the job is read and after it; forget, whether to go on only when the
// system has no object of the ended ones any more; enter, a program that puts itself into the job before it is read.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject
{
    public static class Meanwhile
    {
        public static Dictionary<string, object> Collect(IDictionary options)
        {
            Ledger ledger = new Ledger();
            ProcessTable processes = ProcessTable.Take(ledger);
            Filter filter = new Filter(options);
            using (Process entering = new Process())
            {
                JobReader reader = JobReader.ReadAll(Candidates(options, entering, ledger), filter, processes, ledger);
                Dictionary<string, object> result = new Dictionary<string, object>();
                result["job_objects"] = reader.Results(new ShimTable(processes));
                result["statistics"] = ledger.Results();
                result["entered"] = options["enter"] == null ? null : (object)entering.Id;
                if (options["enter"] != null) { entering.StandardInput.Close(); entering.WaitForExit(); }
                return result;
            }
        }

        /// <summary>The reader asks for the next job when it has read the last one; so this runs between its steps.</summary>
        static IEnumerable<FoundJob> Candidates(IDictionary options, Process entering, Ledger ledger)
        {
            End(options["end_before"], options["forget"] != null);
            if (options["enter"] != null) { Enter(entering, (string)options["enter"], (string)options["name"]); }
            foreach (FoundJob found in JobDirectories.List(ledger).Jobs.Values) { yield return found; }
            End(options["end_after"], options["forget"] != null);
        }

        static void Enter(Process entering, string program, string job)
        {
            entering.StartInfo = new ProcessStartInfo(program);
            entering.StartInfo.UseShellExecute = false;
            entering.StartInfo.RedirectStandardInput = entering.StartInfo.RedirectStandardOutput = true;
            entering.Start();
            entering.StandardInput.Write("enter\t" + job + "\n");
            entering.StandardInput.Flush();
            string answer = entering.StandardOutput.ReadLine();
            if (answer != "ok") { throw new InvalidOperationException("enter answered: " + answer); }
        }

        static void End(object ids, bool forget)
        {
            foreach (object item in (IEnumerable)ids ?? new object[0])
            {
                int id = Convert.ToInt32(item, CultureInfo.InvariantCulture);
                using (Process process = Process.GetProcessById(id))
                {
                    process.Kill();
                    process.WaitForExit();
                }
                while (forget && IsKnown(id)) { Thread.Sleep(50); }
            }
        }

        static bool IsKnown(int id)
        {
            try { using (Process.GetProcessById(id)) { return true; } }
            catch (ArgumentException) { return false; }
        }
    }
}
